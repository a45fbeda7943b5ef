"""What automations would write now, as a diff, and the button that lets exactly that be written."""
