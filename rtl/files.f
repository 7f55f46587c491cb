# RTL by level: a module instantiates only modules of the levels above it.
# Paths are relative to this file.

# level 1: arithmetic units without children
npu_weight_decode.v
npu_mac_uniform.v
npu_mac_subset.v
npu_mac_piecewise_linear.v
npu_pe_column.v
npu_accumulate.v
npu_merge_regions.v
npu_subtract_zero_point.v
npu_pool.v
npu_lookup.v
npu_round_shift.v
npu_requantize_float.v

# level 2
npu_requantize.v
npu_add.v

# control, level 1
npu_nest.v
npu_nest_address.v
npu_delay.v
npu_queue.v
npu_bank.v
npu_tokens.v
npu_ownership.v
npu_registers.v
npu_operands_ex.v
npu_control.v
npu_fetch.v

# control, level 2
npu_issue.v
npu_burst.v
npu_scratchpad.v
npu_lines.v
npu_rows.v
npu_weight_loader.v
npu_weight_column.v
npu_vector_engine.v

# level 3
npu_sequencer.v
npu_ld.v
npu_st.v
npu_mac_engine.v
npu_lane.v
npu_epilogue.v
npu_shared_lookup.v
npu_activations.v
npu_accumulators.v

# level 4
npu_array.v
npu_scratchpads.v

# level 5
npu_ex.v

# level 6
npu_top.v
