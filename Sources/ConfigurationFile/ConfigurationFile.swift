// ConfigurationFile
