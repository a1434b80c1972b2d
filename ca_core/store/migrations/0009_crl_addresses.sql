-- Where the CRLs of a CA were said to be when certificates were issued: a shard has to name every one of them.
CREATE TABLE crl_addresses (
    issuer TEXT   NOT NULL,
    url    TEXT   NOT NULL,
    since  BIGINT NOT NULL,
    PRIMARY KEY (issuer, url)
);
