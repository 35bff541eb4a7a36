-- A picture may lie in the store that is no user's: the image of a code.

alter table files alter column user_id drop not null;

comment on table files is 'One row for each picture in the store. It is written before the object and outlives it by a day.';
comment on column files.user_id is 'Whose it is. Null: no user''s, an image that WeChat made, which is shown by the route that asked for it and by no other.';
