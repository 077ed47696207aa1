// Namespace
