"""What people do in the dashboard: which acts there are, where pages offer them, how they are asked for and done."""
