// KernelMulticast
