"""Gates, promotion and rollback, lineage, model cards, and the report: decisions and their evidence."""
