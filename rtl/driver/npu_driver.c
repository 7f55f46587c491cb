#include "npu_driver.h"

static uint32_t get(const npu_registers *npu, uint32_t address) {
  return npu->read(npu->context, address);
}

static void set(const npu_registers *npu, uint32_t address, uint32_t value) {
  npu->write(npu->context, address, value);
}

npu_status npu_probe(const npu_registers *npu) {
  if (get(npu, NPU_ID) != NPU_ID_VALUE) return NPU_NOT_THERE;
  return get(npu, NPU_VERSION) == NPU_VERSION_VALUE ? NPU_OK : NPU_NOT_THERE;
}

npu_status npu_start(const npu_registers *npu, const npu_program *program) {
  uint32_t beat = NPU_FIELD(get(npu, NPU_PARAMS0), PARAMS0_BUS_BYTES);
  uint32_t bad = program->base % NPU_PROGRAM_ALIGNMENT;
  for (uint32_t i = 0; i < NPU_REGION_COUNT; i++) bad |= program->regions[i] % beat;
  if (bad || program->length == 0) return NPU_BAD_PROGRAM;
  if (NPU_FIELD(get(npu, NPU_STATUS), STATUS_RUNNING)) return NPU_BUSY;
  for (uint32_t i = 0; i < NPU_REGION_COUNT; i++)
    set(npu, NPU_REGION0 + 4 * i, program->regions[i]);
  set(npu, NPU_PROGRAM_BASE, program->base);
  set(npu, NPU_PROGRAM_LENGTH, program->length);
  set(npu, NPU_INTERRUPT_ENABLE, 0);
  set(npu, NPU_START, 1);
  return NPU_OK;
}

npu_status npu_wait(const npu_registers *npu, uint32_t polls, npu_result *result) {
  while (polls--) {
    uint32_t status = get(npu, NPU_STATUS);
    if (NPU_FIELD(status, STATUS_RUNNING)) continue;
    uint32_t fault = get(npu, NPU_FAULT);
    result->cycles = get(npu, NPU_CYCLES);
    result->halt_code = get(npu, NPU_HALT_CODE);
    result->cause = NPU_FIELD(fault, FAULT_CAUSE);
    result->engine = NPU_FIELD(fault, FAULT_ENGINE);
    result->pc = get(npu, NPU_FAULT_PC);
    return NPU_FIELD(status, STATUS_FAULT) ? NPU_FAULTED : NPU_OK;
  }
  return NPU_TIMEOUT;
}
