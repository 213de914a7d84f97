// SPDX-License-Identifier: Apache-2.0

//go:build !cgo

#include "go_asm.h"
#include "textflag.h"

#define SYS_rt_sigaction 13
#define SYS_prlimit64    302
#define SIG_IGN          1
#define EINVAL           22

// noteInherited fills in inherited the first time it is called. It is called as
// a C function, with no stack that could grow, and may call none of Go's.
TEXT noteInherited(SB), NOSPLIT|NOFRAME, $0
	LEAQ	·inherited(SB), R8
	CMPQ	inheritance_noted(R8), $0
	JNE	noted
	SUBQ	$32, SP // struct sigaction of the kernel
	MOVL	$64, R9

signal:
	MOVQ	R9, DI
	XORL	SI, SI
	MOVQ	SP, DX
	MOVL	$8, R10
	MOVL	$SYS_rt_sigaction, AX
	SYSCALL
	TESTQ	AX, AX
	JNE	next
	CMPQ	(SP), $SIG_IGN
	JNE	next
	LEAQ	-1(R9), CX
	MOVL	$1, AX
	SHLQ	CX, AX
	ORQ	AX, inheritance_ignored(R8)

next:
	DECQ	R9
	JNE	signal
	ADDQ	$32, SP

limit: // R9 is 0
	XORL	DI, DI
	MOVQ	R9, SI
	XORL	DX, DX
	MOVQ	R9, R10
	SHLQ	$4, R10
	LEAQ	inheritance_limits(R8)(R10*1), R10
	MOVL	$SYS_prlimit64, AX
	SYSCALL
	INCQ	R9
	CMPQ	R9, $16
	JNE	limit
	MOVQ	$1, inheritance_noted(R8)

noted:
	MOVL	$EINVAL, AX
	RET
