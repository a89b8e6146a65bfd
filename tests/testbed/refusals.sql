-- The small world that refusals, conformance and live tests work on; a template, so that every test
-- may destroy its own copy.
CREATE TABLE public.customers (id int PRIMARY KEY, name text NOT NULL, email text, ssn text, balance numeric(12, 2) NOT NULL DEFAULT 0);
CREATE TABLE public.orders (id int PRIMARY KEY, customer_id int NOT NULL REFERENCES public.customers, total numeric(12, 2) NOT NULL);
CREATE TABLE public.notes (id int PRIMARY KEY, body text NOT NULL);
CREATE SCHEMA audit;
CREATE TABLE audit.log (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at timestamptz NOT NULL DEFAULT now(), what text NOT NULL);

INSERT INTO public.customers (id, name, email, ssn, balance) VALUES
    (1, 'Ada Example', 'ada@example.com', '078-05-1120', 120.50),
    (2, 'Bob Example', 'bob@example.org', '219-09-9999', 0.00),
    (3, 'Cy Example', 'cy@example.net', '457-55-5462', 9000.00),
    (4, 'Di Example', NULL, NULL, 17.25),
    (5, 'Zoë Example', 'zoe@example.com', '321-12-3456', -3.10);
INSERT INTO public.orders (id, customer_id, total) VALUES
    (1, 1, 10.00), (2, 1, 110.50), (3, 2, 99.99), (4, 3, 4500.00), (5, 3, 4500.00), (6, 5, 1.00);
INSERT INTO public.notes (id, body) VALUES
    (1, 'Called Ada at +1 202 555 0143, wrote to ada@example.com'),
    (2, 'Card 4111 1111 1111 1111 was declined'),
    (3, 'Nothing personal here');
INSERT INTO audit.log (what) VALUES ('made'), ('filled');

GRANT ALL ON SCHEMA public, audit TO worker;
GRANT ALL ON ALL TABLES IN SCHEMA public, audit TO worker;
GRANT ALL ON ALL SEQUENCES IN SCHEMA public, audit TO worker;
