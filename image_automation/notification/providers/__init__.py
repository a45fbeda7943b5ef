"""What each service is sent: generators over requests and answers, without network."""
