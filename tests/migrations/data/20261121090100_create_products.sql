insert into products (id, title, price_fen, stock, image_url, is_listed, created_at, updated_at)
values
    ('tea', '茶 🍵', 6800, 5, 'https://cdn.example/tea.png', true, '2026-01-01T00:00:00Z', '2026-01-01T00:00:00Z'),
    ('cup', 'Cup', 10000000000, null, null, false, '2026-01-01T00:00:00Z', '2026-01-01T00:00:00Z');
