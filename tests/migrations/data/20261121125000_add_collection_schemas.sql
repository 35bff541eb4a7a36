update collections set schema = '{"type": "object", "required": ["name"]}', schema_id = '00000000-0000-7000-8000-000000000301',
    pending_schema = '{"type": "object"}', pending_schema_id = '00000000-0000-7000-8000-000000000302'
where name = 'people';
