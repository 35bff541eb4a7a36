insert into content_check_allowances (user_id, since, used)
select id, '2026-01-01T00:00:00Z', 3 from users order by id limit 1;
