-- What a cloud keeps of its events. Every key begins with the event, so that an engine which
-- spreads tables over machines can do so by event (docs/CLOUD.md).

create table event (
    event_id uuid   not null primary key, -- the event's UUID
    id       bytea  not null,             -- the event's id, 32 bytes
    tag      bytea  not null,             -- what a Hello names it by, 8 bytes
    manifest bytea,
    ticket   bytea,
    store    bigint not null,             -- random id of this store of the event
    rev      bigint not null default 0,   -- grows with every transaction about the event; its lock
    made_at  timestamptz not null default now()
);
create index event_tag on event (tag);

create table log (
    event_id uuid    not null,
    log      integer not null,            -- ordinal inside this store
    name     bytea   not null,            -- grant 32 bytes, incarnation 8 bytes
    height   bigint  not null default 0,
    branch   integer not null default 0,  -- grows when the owner chooses another branch of a fork
    primary key (event_id, log),
    unique (event_id, name)
);

create table entry (
    event_id    uuid    not null,
    log         integer not null,
    seq         bigint  not null,         -- from 1
    bytes       bytea   not null,         -- exact bytes of the entry
    received_at timestamptz not null default now(),
    primary key (event_id, log, seq)
);

create table head (
    event_id  uuid    not null,
    log       integer not null,
    height    bigint  not null,
    signature bytea   not null,
    primary key (event_id, log, height)
);

create table cell (
    event_id uuid     not null,
    signer   bytea    not null,
    kind     smallint not null,
    store    bigint   not null,
    counter  bigint   not null,
    bytes    bytea    not null,
    rev      bigint   not null,
    primary key (event_id, signer, kind)
);

create table fork (
    event_id uuid   not null,
    name     bytea  not null,             -- the log's name
    bytes    bytea  not null,
    rev      bigint not null,
    primary key (event_id, name)
);

create table displaced (
    event_id uuid   not null,
    id       bytea  not null,             -- the log's name and the beginning of the piece's hash
    bytes    bytea  not null,
    rev      bigint not null,
    primary key (event_id, id)
);

create table invite (
    event_id uuid  not null,
    id       bytea not null,
    bytes    bytea not null,
    primary key (event_id, id)
);

create table sealing_key (
    event_id uuid  not null,
    id       bytea not null,
    bytes    bytea not null,
    primary key (event_id, id)
);
