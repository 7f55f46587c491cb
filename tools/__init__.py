"""Programs that write what ships: documents, tables of energy and area, mutation scores."""
