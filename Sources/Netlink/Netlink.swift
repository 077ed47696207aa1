// What the kernel's routing tables hold, by rtnetlink: forwarding entries, links, addresses, routes, neighbours.
//
// Where to look for what:
// - `ForwardingCache`: applies `ForwardingChange`s in batches with an error per entry, dumps `InstalledEntry`s with
//   their counters, dumps VIFs with theirs.
// - `ForwardingCacheMonitor`: entries that anybody sets or removes, and upcalls, without owning the routing socket.
// - `NetworkConfiguration`: links, addresses, neighbours; veth pairs and their addresses.
// - `RouteLookup`: the way towards a source (RPF), and a neighbour's MAC address.
// - `NetworkMonitor`: changes of links, addresses and routes; `.resync` after a loss.
//
// A socket belongs to the network namespace of the thread that opened it.
