// GroupMembership
