// ReplicationPoint
