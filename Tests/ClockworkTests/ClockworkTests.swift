// Clockwork
