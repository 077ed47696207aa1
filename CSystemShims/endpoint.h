#pragma once

#include <sys/socket.h>

#include "mrp_socket.h"

socklen_t mrp_endpoint_to_sockaddr(struct mrp_endpoint endpoint, struct sockaddr_storage *storage);
struct mrp_endpoint mrp_endpoint_from_sockaddr(const struct sockaddr_storage *storage);
