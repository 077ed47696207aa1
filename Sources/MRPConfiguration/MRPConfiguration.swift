// MRPConfiguration
