/* npu_driver: the NPU's control registers for a host in C; the law is docs/architecture.md, section 7.
 *
 * The host says how a register is read and written: through a pointer on a processor's bus, over a
 * serial line (docs/board.md), in a simulation. Nothing is allocated and nothing is global.
 */
#ifndef NPU_DRIVER_H
#define NPU_DRIVER_H

#include <stdint.h>

#include "../generated/npu.h"

/* Access to the registers; addresses are those of npu.h. */
typedef struct {
  void *context; /* handed to both */
  uint32_t (*read)(void *context, uint32_t address);
  void (*write)(void *context, uint32_t address, uint32_t value);
} npu_registers;

/* A program in memory, as `npusim program` prints it. */
typedef struct {
  uint32_t base;                      /* byte address, a multiple of NPU_PROGRAM_ALIGNMENT */
  uint32_t length;                    /* instructions */
  uint32_t regions[NPU_REGION_COUNT]; /* byte addresses, multiples of the beat */
} npu_program;

/* How a run ended; cause, engine and pc are of a fault, halt_code of a program that reached HALT. */
typedef struct {
  uint32_t cycles;
  uint32_t halt_code;
  uint32_t cause;  /* NPU_FAULT_IS_... */
  uint32_t engine; /* NPU_ENGINE_IS_... */
  uint32_t pc;
} npu_result;

typedef enum {
  NPU_OK = 0,
  NPU_NOT_THERE,   /* id or version is another */
  NPU_BUSY,        /* a program runs */
  NPU_BAD_PROGRAM, /* an address is not aligned, or there is no instruction */
  NPU_FAULTED,     /* the program ended by a fault */
  NPU_TIMEOUT      /* it still runs */
} npu_status;

/* NPU_OK where the registers are those of an NPU that this header describes. */
npu_status npu_probe(const npu_registers *npu);

/* Start a program, without an interrupt; NPU_OK, NPU_BUSY or NPU_BAD_PROGRAM. */
npu_status npu_start(const npu_registers *npu, const npu_program *program);

/* Read the status at most `polls` times; NPU_OK with `result`, NPU_FAULTED with it, NPU_TIMEOUT. */
npu_status npu_wait(const npu_registers *npu, uint32_t polls, npu_result *result);

#endif
