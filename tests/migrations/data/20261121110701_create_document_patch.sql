update documents set data = document_patch(data, '[{"op": "inc", "path": ["visits"], "value": 1}]'), version = version + 1
where id = '00000000-0000-7000-8000-000000000101';
