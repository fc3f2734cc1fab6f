-- As `prisma migrate diff` (6.x) writes it, statement by statement.
-- CreateTable
CREATE TABLE "clinic_patient" (
    "id" SERIAL NOT NULL,
    "name" VARCHAR(100) NOT NULL,
    "ssn" VARCHAR(11) NOT NULL,
    "notes" TEXT DEFAULT 'tamandua notes',
    "email" VARCHAR(254) NOT NULL DEFAULT 'nobody@tamandua.test',
    "status" VARCHAR(20) NOT NULL DEFAULT 'new',
    "ward" TEXT,
    "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "clinic_patient_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "clinic_claim" (
    "id" SERIAL NOT NULL,
    "patient_id" VARCHAR(11) NOT NULL,
    "note" TEXT,
    "amount" DECIMAL(10,2),

    CONSTRAINT "clinic_claim_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "clinic_patient_ssn_key" ON "clinic_patient"("ssn");

-- AddForeignKey
ALTER TABLE "clinic_claim" ADD CONSTRAINT "clinic_claim_patient_id_fkey" FOREIGN KEY ("patient_id") REFERENCES "clinic_patient"("ssn") ON DELETE RESTRICT ON UPDATE CASCADE;
