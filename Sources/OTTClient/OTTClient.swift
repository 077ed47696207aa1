// OTTClient
