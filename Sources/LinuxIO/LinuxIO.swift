// The I/O base: thin shells over Linux that perform and report, and decide nothing.
//
// Where to look for what:
// - `EventLoop`: one thread, one epoll; `add(descriptor, interest) { events in }`, `makeTimer`, `setDeadline`,
//   `onSignals`, `beforeWaiting`, `mailbox(limit:)` for values from other threads, `run()`, `stop()`.
// - `MonotonicClock.now()` for timers, `WallClock.now()` for what two hosts must agree on.
// - `FileDescriptor`: an owned descriptor; `SystemError`: the call and its errno.
// - `UDPSocket` with `ReceiveBatch` (recvmmsg, UDP_GRO) and `sendTrain` / `SendBatch` (UDP_SEGMENT, sendmmsg).
// - `DeliverySocket`: multicast from the router's delivery interface, batched, trains split, by a descriptor it passed.
// - `UnixListener`, `UnixStream`, `LineConnection` (bounded lines and output), `DescriptorPassing` (SCM_RIGHTS).
// - `ServiceManager`: systemd's notify socket, fd store, socket activation and watchdog, without libsystemd.
// - `Privileges`, `NetworkNamespace`, `SystemThread`: what a process or thread does to itself once, at its start.
