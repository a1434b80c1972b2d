-- Says which shards there are, and until when something is in each, without a look at every certificate.
DROP INDEX certificates_by_issuer;
CREATE INDEX certificates_by_shard ON certificates (issuer, shard, not_after);
