-- What is of no use any more is cleared away, and found by these.
CREATE INDEX acme_orders_ended ON acme_orders (created_at) WHERE status = 'invalid';
CREATE INDEX acme_failures_over ON acme_failures (last_at) WHERE paused_at IS NULL;
