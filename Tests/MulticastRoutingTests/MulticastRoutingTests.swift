// MulticastRouting
