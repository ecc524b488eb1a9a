-- Whose turn it is, of the nodes of a cloud, to tell what is wrong with an event, and what was told. One
-- statement takes the turn for all events that are active at a node; a node that died does not keep it.

create table alerting (
    event_id uuid    not null primary key,
    node     text    not null,            -- whose turn it is
    until_at timestamptz not null,        -- and until when, unless it is prolonged
    told     text,                        -- JSON; null: nothing is open, and nothing waits
    waiting  boolean not null default false -- whether something of it was not delivered yet
);

-- When devices were heard at nodes whose turn it is not: a device that is connected there is not silent.

create table alerting_heard (
    event_id uuid not null,
    device   text not null,
    heard_at timestamptz not null,
    primary key (event_id, device)
);
