-- The schema of a collection: the one that holds, and the one that is to hold once every document that is
-- there has been checked. Who writes obeys both, and says by their ids under which he writes.

alter table collections add column schema_id uuid;
alter table collections add column pending_schema jsonb;
alter table collections add column pending_schema_id uuid;

comment on column collections.schema_id is 'Names the schema; another schema has another id. Null: there is none.';
comment on column collections.pending_schema is 'A schema that the documents are being checked against. What is written obeys it already.';
comment on column collections.pending_schema_id is 'Its id, which becomes schema_id when every document holds to it.';
