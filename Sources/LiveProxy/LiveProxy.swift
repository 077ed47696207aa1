// LiveProxy
