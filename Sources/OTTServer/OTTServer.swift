// OTTServer
