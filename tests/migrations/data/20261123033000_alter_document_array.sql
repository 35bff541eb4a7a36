update documents set version = version + 1, data = document_patch(data,
    '[{"op": "push", "path": ["days"], "value": ["mon", "tue"]}, {"op": "addToSet", "path": ["days"], "value": ["tue", "wed"]}]')
where id = '00000000-0000-7000-8000-000000000101';
