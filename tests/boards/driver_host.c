/* A host in C at the end of a serial line, which is its standard input and output: it runs the
 * program of its arguments (base, length, 8 regions, polls) and says on standard error how it ended.
 */
#include <stdio.h>
#include <stdlib.h>

#include "npu_driver.h"

#define NPU_BIT 0x80000000u

static void put(uint32_t value, int bytes) {
  for (int i = 0; i < bytes; i++) putchar(value >> 8 * i & 0xff);
}

static uint32_t take(int bytes) {
  uint32_t value = 0;
  for (int i = 0; i < bytes; i++) value |= (uint32_t)getchar() << 8 * i;
  return value;
}

static void command(int letter, uint32_t address) {
  putchar(letter);
  put(address | NPU_BIT, 4);
  put(1, 2);
}

static void status(void) {
  if (take(1) != 0) exit(3);
}

static uint32_t read_register(void *context, uint32_t address) {
  ++*(int *)context;
  command('R', address);
  fflush(stdout);
  uint32_t value = take(4);
  status();
  return value;
}

static void write_register(void *context, uint32_t address, uint32_t value) {
  ++*(int *)context;
  command('W', address);
  put(value, 4);
  fflush(stdout);
  status();
}

int main(int count, char **words) {
  if (count != 4 + NPU_REGION_COUNT) return 2;
  int accesses = 0;
  npu_registers npu = {&accesses, read_register, write_register};
  npu_program program;
  npu_result result = {0};
  program.base = strtoul(words[1], 0, 0);
  program.length = strtoul(words[2], 0, 0);
  for (int i = 0; i < (int)NPU_REGION_COUNT; i++) program.regions[i] = strtoul(words[3 + i], 0, 0);
  npu_status probed = npu_probe(&npu);
  npu_status started = npu_start(&npu, &program);
  npu_status again = started == NPU_OK ? npu_start(&npu, &program) : NPU_OK;
  npu_status ended = started == NPU_OK
                         ? npu_wait(&npu, strtoul(words[3 + NPU_REGION_COUNT], 0, 0), &result)
                         : NPU_OK;
  fprintf(stderr, "%d %d %d %d %u %u %u %u %u\n", probed, started, again, ended, result.cycles,
          result.halt_code, result.cause, result.engine, result.pc);
  return accesses > 0 ? 0 : 1;
}
