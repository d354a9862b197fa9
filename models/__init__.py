"""What is simulated: parts, routes and the services made of them. No files, no printing, no clock, no environment."""
