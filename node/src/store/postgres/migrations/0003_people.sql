-- What the nodes of a cloud share for HTTP. None of it is about one event alone but claims, and all of
-- it is small: an engine that spreads tables over machines leaves these together (docs/CLOUD.md).

create table account (
    name    text   not null primary key,
    secret  text   not null,              -- what argon2id made of the password
    version bigint not null,
    roles   text   not null               -- JSON
);

create table login (
    name      text   not null,
    id        text   not null,
    hash      text   not null,            -- of the refresh token that renews it
    until_ms  bigint not null,            -- Unix milliseconds
    opened_at timestamptz not null default clock_timestamp(),
    primary key (name, id)
);

create table plan (
    name  text not null,
    event text not null,
    plan  text not null,                  -- JSON
    primary key (name, event)
);

create table token_key (
    number bigint not null primary key,   -- the highest one signs
    kid    text   not null,
    seed   text   not null
);

create table match_claim (
    event_id   uuid   not null,
    number     bigint not null,           -- of match or stage
    holder     text   not null,
    expires_ms bigint not null,           -- Unix milliseconds
    primary key (event_id, number)
);

create table kept_answer (
    key      bytea  not null primary key, -- hash of who, where and Idempotency-Key
    turn     bigint not null,             -- who is finding the answer
    begun_at timestamptz not null default clock_timestamp(),
    asked    bytea,                       -- hash of the body that it answers
    status   integer,                     -- null: not answered yet
    kind     text,
    body     bytea
);
create index kept_answer_begun on kept_answer (begun_at);
