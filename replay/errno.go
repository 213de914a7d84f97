// SPDX-License-Identifier: Apache-2.0

package replay

import "strconv"

// Linux numbers, because a capture is read on any system. The generic table
// serves all of the kernel's architectures but alpha, mips, parisc and sparc.
var errnos = map[int64]string{
	1: "EPERM", 2: "ENOENT", 3: "ESRCH", 4: "EINTR", 5: "EIO", 6: "ENXIO", 7: "E2BIG", 9: "EBADF",
	11: "EAGAIN", 12: "ENOMEM", 13: "EACCES", 14: "EFAULT", 16: "EBUSY", 17: "EEXIST", 18: "EXDEV",
	19: "ENODEV", 20: "ENOTDIR", 21: "EISDIR", 22: "EINVAL", 23: "ENFILE", 24: "EMFILE", 26: "ETXTBSY",
	27: "EFBIG", 28: "ENOSPC", 30: "EROFS", 32: "EPIPE", 36: "ENAMETOOLONG", 38: "ENOSYS", 40: "ELOOP",
	71: "EPROTO", 75: "EOVERFLOW", 95: "EOPNOTSUPP", 98: "EADDRINUSE", 99: "EADDRNOTAVAIL",
	100: "ENETDOWN", 101: "ENETUNREACH", 103: "ECONNABORTED", 104: "ECONNRESET", 105: "ENOBUFS",
	107: "ENOTCONN", 110: "ETIMEDOUT", 111: "ECONNREFUSED", 112: "EHOSTDOWN", 113: "EHOSTUNREACH",
	116: "ESTALE", 122: "EDQUOT", 125: "ECANCELED",
}

// Errno is the name of a Linux errno, whatever system this is.
func Errno(n int64) string {
	if name, ok := errnos[n]; ok {
		return name
	}
	return "errno " + strconv.FormatInt(n, 10)
}
