"""The arithmetic: one page per hardware unit, mirrored by rtl/npu_<unit>.v."""
