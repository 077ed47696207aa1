import Glibc
import LinuxIO

Privileges.ignoreBrokenPipes()
exit(Mrpctl.run(Array(CommandLine.arguments.dropFirst())))
