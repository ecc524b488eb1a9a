-- What an event is called, so that it is found without reading manifests. The program fills in those
-- of rows that an earlier version made, from their manifests.

alter table event
    add column name   text, -- as people write it
    add column called text; -- in small letters, as it is looked for
create index event_called on event (called);
create index event_made on event (made_at);
