"""Reading and writing files safely: located YAML, schema validation, atomic writes, shipped data. Knows no stage."""
