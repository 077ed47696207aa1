/// Every bench, in the order they run.
enum BenchRegistry {
    static var all: [any Bench.Type] {
        [
            MembershipReportsBench.self, ForwardingCacheBench.self,
            RouterLatencyBench.self, RouterLoadBench.self,
            ProxyForwardingBench.self, ProxyRenditionsBench.self, ProxyPacingBench.self,
            FanoutBench.self, ZapBench.self,
            RepairBench.self,
        ]
    }
}
