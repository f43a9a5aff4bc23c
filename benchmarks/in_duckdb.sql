-- The ledger in SQL; {files}, {kind} and {window} are filled in by in_duckdb.py.

CREATE TABLE line AS
SELECT strptime(regexp_extract(filename, '(\d{4}-\d{2}-\d{2})\.csv', 1), '%Y-%m-%d')::DATE AS entry_date,
       row_number() OVER () AS row, trim(InvoiceNo) AS invoice_number,
       nullif(upper(trim(StockCode)), '') AS stock_code, nullif(trim(Description), '') AS description,
       Quantity::BIGINT AS quantity, InvoiceDate::TIMESTAMP AS booked_at,
       UnitPrice::DECIMAL(18, 4) AS unit_price, regexp_replace(CustomerID, '\.0$', '') AS customer_id,
       nullif(trim(Country), '') AS country
FROM read_csv('{files}/*.csv', header = true, all_varchar = true, filename = true, union_by_name = true);

CREATE TABLE description AS
SELECT stock_code, arg_max(description, times) AS usual FROM (
    SELECT stock_code, description, count(*) AS times FROM line
    WHERE description IS NOT NULL AND unit_price > 0 GROUP BY ALL
) GROUP BY stock_code;

CREATE TABLE spread AS
SELECT stock_code, count(*) AS sales, median(log_price) AS usual_price, mad(log_price) AS price_mad,
       median(log_quantity) AS usual_quantity, mad(log_quantity) AS quantity_mad
FROM (SELECT stock_code, ln(unit_price::DOUBLE) AS log_price, ln(quantity) AS log_quantity FROM line
      WHERE quantity > 0 AND unit_price > 0) GROUP BY stock_code;

CREATE TABLE level AS
SELECT stock_code, unit_price, count(*) AS times FROM line
WHERE quantity > 0 AND unit_price > 0 GROUP BY ALL HAVING count(*) >= 3;

CREATE TABLE home AS
SELECT customer_id, arg_max(country, times) AS usual_country FROM (
    SELECT customer_id, country, count(*) AS times FROM line WHERE customer_id IS NOT NULL GROUP BY ALL
) GROUP BY customer_id;

CREATE TABLE entry AS
SELECT line.* EXCLUDE (description, country, customer_id),
       concat_ws('/', entry_date, invoice_number,
                 row_number() OVER (PARTITION BY entry_date, invoice_number ORDER BY row)) AS entry_id,
       coalesce(line.description, usual) AS description, coalesce(country, usual_country) AS country,
       coalesce(line.customer_id, min(line.customer_id) OVER invoice) AS customer,
       {kind} AS kind,
       (round(line.quantity * line.unit_price, 2) * 100)::BIGINT AS amount_minor,
       (round(line.quantity * line.unit_price / rate.per_euro, 2) * 100)::BIGINT AS reporting_amount_minor,
       abs(ln(nullif(abs(line.unit_price), 0)::DOUBLE) - usual_price) / nullif(price_mad, 0) > 8
       OR abs(ln(abs(quantity)) - usual_quantity) / nullif(quantity_mad, 0) > 8
       OR (level.unit_price IS NULL AND sales > 20) AS is_outlier,
       row_number() OVER (PARTITION BY entry_date, invoice_number, line.stock_code, quantity,
                          line.unit_price, line.description ORDER BY row) > 1 AS is_duplicate
FROM line LEFT JOIN description USING (stock_code) LEFT JOIN home USING (customer_id)
LEFT JOIN spread USING (stock_code)
LEFT JOIN level ON level.stock_code = line.stock_code AND level.unit_price = line.unit_price
LEFT JOIN rate ON rate.rate_day = line.entry_date
WINDOW invoice AS (PARTITION BY entry_date, invoice_number);

CREATE TABLE cancellation AS
SELECT note.entry_id, max(sale.entry_id) AS cancels_entry_id FROM entry AS note LEFT JOIN entry AS sale
ON sale.customer = note.customer AND sale.stock_code = note.stock_code
AND sale.unit_price = note.unit_price AND sale.quantity >= -note.quantity
AND sale.booked_at <= note.booked_at AND sale.entry_date >= note.entry_date - {window}
WHERE note.invoice_number LIKE 'C%' AND note.quantity < 0 GROUP BY note.entry_id;

CREATE TABLE sales AS
SELECT entry_date, country, customer, stock_code, kind, count(*) AS entries, sum(quantity) AS quantity,
       sum(amount_minor) AS amount_minor, sum(reporting_amount_minor) AS reporting_amount_minor,
       count(*) FILTER (is_outlier) AS outliers, count(*) FILTER (is_duplicate) AS duplicates
FROM entry GROUP BY ALL;
