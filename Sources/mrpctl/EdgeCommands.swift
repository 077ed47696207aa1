import ArgumentParser

/// The commands of the folder `Credentials`, which only the whole build has.
#if MRP_EDGE
    let edgeCommands: [any ParsableCommand.Type] = [CertificateCommand.self, TokenCommand.self]
#else
    let edgeCommands: [any ParsableCommand.Type] = []
#endif
