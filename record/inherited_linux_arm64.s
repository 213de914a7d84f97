// SPDX-License-Identifier: Apache-2.0

//go:build !cgo

#include "go_asm.h"
#include "textflag.h"

#define SYS_rt_sigaction 134
#define SYS_prlimit64    261
#define SIG_IGN          1
#define EINVAL           22

// noteInherited fills in inherited the first time it is called. It is called as
// a C function, with no stack that could grow, and may call none of Go's.
TEXT noteInherited(SB), NOSPLIT|NOFRAME, $0
	MOVD	$·inherited(SB), R9
	MOVD	inheritance_noted(R9), R10
	CBNZ	R10, noted
	SUB	$32, RSP // struct sigaction of the kernel
	MOVD	$64, R10

signal:
	MOVD	R10, R0
	MOVD	$0, R1
	MOVD	RSP, R2
	MOVD	$8, R3
	MOVD	$SYS_rt_sigaction, R8
	SVC
	CBNZ	R0, next
	MOVD	(RSP), R11
	CMP	$SIG_IGN, R11
	BNE	next
	SUB	$1, R10, R12
	MOVD	$1, R11
	LSL	R12, R11, R11
	MOVD	inheritance_ignored(R9), R12
	ORR	R11, R12, R12
	MOVD	R12, inheritance_ignored(R9)

next:
	SUB	$1, R10, R10
	CBNZ	R10, signal
	ADD	$32, RSP
	ADD	$inheritance_limits, R9, R11

limit: // R10 is 0
	MOVD	$0, R0
	MOVD	R10, R1
	MOVD	$0, R2
	MOVD	R11, R3
	MOVD	$SYS_prlimit64, R8
	SVC
	ADD	$16, R11, R11
	ADD	$1, R10, R10
	CMP	$16, R10
	BNE	limit
	MOVD	$1, R10
	MOVD	R10, inheritance_noted(R9)

noted:
	MOVD	$EINVAL, R0
	RET
