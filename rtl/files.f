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

# level 2
npu_requantize.v
npu_add.v
