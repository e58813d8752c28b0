"""How each library does each work, as somebody would write it who knows that library well."""
