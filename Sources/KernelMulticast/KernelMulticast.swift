// The kernel's IPv4 multicast routing: who owns it, which interfaces take part, and what it reports.
//
// Where to look for what:
// - `MulticastRoutingSocket`: owns a routing table (MRT_INIT, or adopts a kept socket), adds and deletes VIFs, sends
//   IGMP by interface, and receives both upcalls (`Upcall`) and IGMP packets.
// - `VirtualInterfaceTable`: which interface has which of the 32 numbers; a number rests until no entry carries its bit.
// - `GroupMemberships`: joins 224.0.0.2, .22, .13 on interfaces over as many sockets as that takes.
// - `PIMSocket`: PIM packets by interface.
// - `FileDescriptorKeeper`: keeps duplicates of the routing sockets beyond this process; `KeeperServer` is the keeper.
//
// Entries themselves are programmed by `Netlink`, as protocol "mrouted", so that they go with the owner's socket.
