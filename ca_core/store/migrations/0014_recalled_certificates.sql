-- Since when a certificate is to be replaced before its time; NULL while it is not.
ALTER TABLE certificates ADD COLUMN recalled_at BIGINT;
